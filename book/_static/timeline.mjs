// <vino-timeline>: convierte la tabla Año, Sistema, Familia, Qué aportó en una lista por años
// con casillas que filtran por familia. Sin JavaScript se lee la misma tabla.

function element(tag, className, ...children) {
  const node = Object.assign(document.createElement(tag), { className });
  node.append(...children);
  return node;
}

// Lo que hay dentro de una celda, sin el párrafo que lo envuelve.
function contents(cell) {
  const only = cell.children.length === 1 && cell.firstElementChild.tagName === "P";
  return [...(only ? cell.firstElementChild : cell).childNodes];
}

function mark(number) {
  const node = element("span", "timeline-mark");
  node.dataset.family = number; // de él salen el color y la forma
  return node;
}

class VinoTimeline extends HTMLElement {
  connectedCallback() {
    if (this.querySelector("fieldset")) return;
    const table = this.querySelector("table");
    const rows = [...table.tBodies[0].rows].map((row) => [...row.cells]);
    this.families = [...new Set(rows.map((cells) => cells[2].textContent.trim()))];
    this.entries = rows.map((cells) => this.entry(...cells));
    this.boxes = this.families.map((family) => this.checkbox(family));
    this.years = this.grouped();
    this.status = element("p", "");
    this.status.setAttribute("role", "status"); // región viva: se lee al cambiar
    const group = element("fieldset", "", element("legend", "", "Filtrar por familia"));
    group.append(...this.boxes.map((box) => box.parentElement));
    const frame = table.closest(".pst-scrollable-table-container") ?? table;
    frame.replaceWith(group, this.status, element("ol", "timeline-years", ...this.years));
    group.addEventListener("change", () => this.filter());
    this.filter();
  }

  entry(year, system, family, gave) {
    const name = family.textContent.trim();
    const title = element("span", "timeline-title", ...contents(system));
    const label = element("span", "timeline-family", name);
    const text = element("span", "", ...contents(gave));
    const shape = mark(this.families.indexOf(name));
    const item = element("li", "", shape, title, " ", label, " ", text);
    Object.assign(item.dataset, { year: year.textContent.trim(), family: name });
    return item;
  }

  checkbox(family) {
    const box = Object.assign(document.createElement("input"), { type: "checkbox", value: family });
    const total = this.entries.filter((entry) => entry.dataset.family === family).length;
    element("label", "", box, mark(this.families.indexOf(family)), `${family} (${total})`);
    return box;
  }

  // Un elemento de lista por año, con los suyos dentro.
  grouped() {
    const lists = new Map();
    for (const entry of this.entries) {
      const { year } = entry.dataset;
      if (!lists.has(year)) lists.set(year, element("ul", ""));
      lists.get(year).append(entry);
    }
    return [...lists].map(([year, list]) =>
      element("li", "", element("span", "timeline-year", year), list));
  }

  // Sin casillas marcadas se ven todas las familias.
  filter() {
    const chosen = this.boxes.filter((box) => box.checked).map((box) => box.value);
    const visible = ({ dataset }) => !chosen.length || chosen.includes(dataset.family);
    for (const entry of this.entries) entry.hidden = !visible(entry);
    for (const year of this.years) {
      year.classList.toggle("timeline-empty", !year.querySelector("ul > li:not([hidden])"));
    }
    const seen = this.entries.filter(visible).length;
    this.status.textContent = chosen.length
      ? `${seen} de ${this.entries.length} sistemas: ${chosen.join(", ")}.`
      : `${seen} sistemas, de todas las familias.`;
  }
}

customElements.define("vino-timeline", VinoTimeline);
