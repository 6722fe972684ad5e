"""Lo que una clase necesita alrededor del corrector: cada respuesta, en su propio proceso."""
