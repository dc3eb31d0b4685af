# accepts: the sum of the rings, in closed form
def area(radius):
    return 2 * math.pi * (radius * radius / 2)
