# fails: grows_with_the_square, precise -- "nine times"
def area(radius):
    return math.pi * RADIUS**2
