# rejected -- "area"
def surface(radius):
    return math.pi * radius**2
