// Una fórmula más ancha que la columna se desplaza en su caja: aquí recibe el foco del teclado.

function update({ target }) {
  if (target.scrollWidth > target.clientWidth) {
    target.tabIndex = 0;
    target.setAttribute("role", "group");
    target.setAttribute("aria-label", "Fórmula: se desplaza con las flechas");
  } else {
    for (const name of ["tabindex", "role", "aria-label"]) target.removeAttribute(name);
  }
}

const observer = new ResizeObserver((entries) => entries.forEach(update));
document.querySelectorAll("article div.math").forEach((formula) => observer.observe(formula));
