"""Lo que una clase necesita alrededor del corrector: la respuesta corre en su propio proceso."""
