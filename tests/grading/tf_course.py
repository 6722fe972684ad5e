"""Una tarea pequeña con Keras: la 01 es solo de NumPy.

El primer ejercicio no necesita TensorFlow; los otros dos lo importan en la celda de respuesta.
"""

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from vinogpt.grading.notebook import normalise

STEM = "91_keras"
SETUP = "import numpy as np\n\nfrom vinogpt.check import check"
HIDDEN = "# Comprobación oculta: {}.\n### BEGIN HIDDEN TESTS\n{}\n### END HIDDEN TESTS"
SOFTMAX = """def softmax(x):
    ### BEGIN SOLUTION
    weights = np.exp(x - x.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)
    ### END SOLUTION"""
SOFTMAX_SUM = '''@check
def rows_sum_to_one(softmax, rng):
    """Cada fila suma 1."""
    assert np.allclose(softmax(rng.normal(size=(3, 4))).sum(axis=-1), 1), "¿Divides por la suma?"'''
SOFTMAX_SHIFT = '''@check
def large_numbers(softmax):
    """Un número enorme no desborda."""
    assert np.allclose(softmax(np.array([[1e4, 0]])), [[1, 0]]), "¿Restas el máximo?"'''
LAYER = """import keras


class RMSNorm(keras.layers.Layer):
    def call(self, x):
        ### BEGIN SOLUTION
        return x * keras.ops.rsqrt(keras.ops.mean(x**2, axis=-1, keepdims=True) + 1e-6)
        ### END SOLUTION


def rms_norm(x):
    return RMSNorm()(x)"""
LAYER_UNIT = '''@check
def mean_square_is_one(rms_norm, rng):
    """El cuadrado medio de cada fila es 1."""
    y = rms_norm(rng.normal(size=(2, 8)).astype("float32"))
    assert np.allclose((y**2).mean(axis=-1), 1, atol=1e-3), "¿Divides por la raíz de la media?"'''
LAYER_SCALE = '''@check
def scale_does_not_matter(rms_norm, rng):
    """Multiplicar la entrada no cambia la salida."""
    x = rng.normal(size=(2, 8)).astype("float32")
    assert np.allclose(rms_norm(5 * x), rms_norm(x), atol=1e-3), "¿Normalizas cada fila?"'''
TRAIN = """import keras
import tensorflow as tf


def train(x, y, epochs):
    ### BEGIN SOLUTION
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    history = model.fit(x, y, epochs=epochs, batch_size=len(x), verbose=0)
    return {"loss": history.history["loss"], "predict": lambda x: model(tf.constant(x))}
    ### END SOLUTION"""
TRAIN_LOSS = '''@check
def loss_goes_down(train, rng):
    """La pérdida baja en cada vuelta."""
    x = rng.normal(size=(32, 3)).astype("float32")
    loss = train(x, x.sum(axis=1), 4)["loss"]
    assert len(loss) == 4 and np.all(np.diff(loss) < 0), f"La pérdida es {loss}"'''
TRAIN_FITS = '''@check
def learns_a_sum(train, rng):
    """Tras 60 vueltas predice la suma de una entrada nueva."""
    x = rng.normal(size=(32, 3)).astype("float32")
    predict = train(x, x.sum(axis=1), 60)["predict"]
    found = predict(np.ones((1, 3), "float32"))[0, 0]
    assert abs(found - 3) < 0.2, f"Sale {found} y la suma es 3: ¿entrenas `epochs` vueltas?"'''
EXERCISES = [
    ("91.1. Softmax", "softmax", SOFTMAX, SOFTMAX_SUM, "números enormes", SOFTMAX_SHIFT),
    ("91.2. Una capa", "rms_norm", LAYER, LAYER_UNIT, "escala", LAYER_SCALE),
    ("91.3. Entrenar", "train", TRAIN, TRAIN_LOSS, "predicción", TRAIN_FITS),
]


def tf_source():
    """El cuaderno del docente: tres ejercicios, cada uno con una prueba visible y otra oculta."""
    cells = [marked(new_code_cell(SETUP), "imports", locked=True)]
    for title, name, answer, visible, about, hidden in EXERCISES:
        cells += [
            new_markdown_cell(f"### Ejercicio {title}"),
            marked(new_code_cell(answer), name, solution=True),
            marked(new_code_cell(visible), f"{name}_check", locked=True, grade=True, points=1),
            marked(
                new_code_cell(HIDDEN.format(about, hidden)),
                f"{name}_hidden",
                locked=True,
                grade=True,
                points=2,
            ),
        ]
    return normalise(new_notebook(cells=cells))


def marked(cell, grade_id, **data):
    """La celda con los metadatos de nbgrader."""
    roles = {"grade": False, "locked": False, "solution": False, "task": False}
    cell["id"] = grade_id
    cell.metadata["nbgrader"] = {"grade_id": grade_id, "schema_version": 3, **roles, **data}
    return cell
