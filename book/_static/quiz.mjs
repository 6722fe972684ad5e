// <vino-quiz answer="2">: convierte pregunta, lista y <details> en un cuestionario accesible.
// Sin JavaScript se lee el mismo texto, con la respuesta plegada.

let count = 0;

function option(item, name, value) {
  const label = document.createElement("label");
  const radio = Object.assign(document.createElement("input"), { type: "radio", name, value });
  const text = document.createElement("span");
  const only = item.children.length === 1 && item.firstElementChild.tagName === "P";
  text.append(...(only ? item.firstElementChild : item).childNodes);
  label.append(radio, text);
  return label;
}

function fieldset(question, list, name) {
  const group = document.createElement("fieldset");
  const legend = document.createElement("legend");
  legend.append(...question.childNodes);
  const labels = [...list.children].map((item, i) => option(item, name, String(i + 1)));
  group.append(legend, ...labels);
  return group;
}

class VinoQuiz extends HTMLElement {
  connectedCallback() {
    if (this.querySelector("fieldset")) return;
    const question = this.querySelector("p");
    const list = this.querySelector("ol, ul");
    this.group = fieldset(question, list, `quiz-${++count}`);
    this.answer = this.querySelector("details");
    this.button = Object.assign(document.createElement("button"), {
      type: "button",
      textContent: "Comprobar",
    });
    this.feedback = document.createElement("p");
    this.feedback.setAttribute("role", "status"); // región viva: se lee al cambiar
    const row = Object.assign(document.createElement("div"), { className: "quiz-check" });
    row.append(this.button, this.feedback);
    question.replaceWith(this.group);
    list.replaceWith(row);
    this.button.addEventListener("click", () => this.check());
    this.group.addEventListener("change", () => this.say("", ""));
  }

  check() {
    const chosen = this.group.querySelector("input:checked");
    if (!chosen) return this.say("", "Elige antes una respuesta.");
    if (chosen.value !== this.getAttribute("answer")) {
      return this.say("wrong", "No es esa. Prueba otra o abre la respuesta.");
    }
    this.say("right", "Correcto.");
    this.answer.open = true;
  }

  say(state, message) {
    this.dataset.state = state;
    this.feedback.textContent = message;
  }
}

customElements.define("vino-quiz", VinoQuiz);
