"""Lo que una clase necesita alrededor del corrector: la respuesta se ejecuta en su propio proceso."""
