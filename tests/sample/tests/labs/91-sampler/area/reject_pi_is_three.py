# fails: precise -- "not 3"
def area(radius):
    return 3 * radius**2
