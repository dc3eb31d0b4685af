# accepts: pow instead of **
def area(radius):
    return math.pi * pow(radius, 2)
