def draw(results, directory):
    pass
