Documentation.addTranslations({
  locale: "es",
  plural_expr: "n == 1 ? 0 : 1",
  messages: {
    ", in ": ", en ",
    "Hide Search Matches": "Ocultar las coincidencias",
    "Preparing search...": "Preparando la búsqueda…",
    "Search Results": "Resultados de la búsqueda",
    "Search finished, found ${resultCount} page(s) matching the search query.":
      "Páginas encontradas: ${resultCount}.",
    "Searching": "Buscando",
    "Your search did not match any documents. Please make sure that all words are spelled correctly and that you've selected enough categories.":
      "No hay páginas con esas palabras. Revisa cómo están escritas o prueba con otras.",
  },
});
