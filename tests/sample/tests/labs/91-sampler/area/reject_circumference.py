# fails: grows_with_the_square, precise -- "circumference"
def area(radius):
    return 2 * math.pi * radius
