"""VinoGPT: de los embeddings a un GPT que escribe reseñas de vino."""
