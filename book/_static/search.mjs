// Resumen de cada resultado de la búsqueda: el trozo del artículo donde sale la palabra, con tilde
// o sin ella. Sustituye al de Sphinx, que busca la forma exacta e incluye los botones de la página.

const BEFORE = 80;
const LENGTH = 240;

const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

function articleText(html, anchor) {
  const page = new DOMParser().parseFromString(html, "text/html");
  page.querySelectorAll(".headerlink, .math, script, style").forEach((node) => node.remove());
  const part = page.getElementById(anchor.slice(1)) ?? page.querySelector("article");
  return part.textContent.replace(/\s+/g, " ").trim();
}

Search.makeSearchSummary = (html, keywords, anchor) => {
  const text = articleText(html, anchor ?? "");
  const places = [...keywords].map((word) => fold(text).indexOf(fold(word)));
  const found = Math.min(...places.filter((place) => place >= 0), text.length);
  const start = found > BEFORE && found < text.length ? text.indexOf(" ", found - BEFORE) + 1 : 0;
  const end = text.lastIndexOf(" ", start + LENGTH);
  const whole = start + LENGTH >= text.length;
  return Object.assign(document.createElement("p"), {
    className: "context",
    textContent: (start ? "… " : "") + (whole ? text.slice(start) : text.slice(start, end) + " …"),
  });
};
