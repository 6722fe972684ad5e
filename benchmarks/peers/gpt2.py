"""GPT-2 de PyTorch (``transformers.GPT2LMHeadModel``): entrena con los lotes que se le dan.

Petición: {"first": i, "count": n}, los lotes que usa. Respuesta: {"seconds": …, "loss": …}.
"""

import json
import sys
import time

import numpy as np
import torch
from torch.nn.functional import cross_entropy, pad
from transformers import GPT2Config, GPT2LMHeadModel


def train(model, optimizer, batches):
    """Un paso por lote, (B, T) de ids con ceros al final; solo cuenta el primer cero."""
    for ids in batches:
        previous = pad(ids[:, :-1], (1, 0))
        padding = (previous == 0) & (torch.arange(ids.shape[1]) > 0)
        logits = model(previous).logits
        targets = ids.masked_fill(padding, -100)
        loss = cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return loss.item()


def main(options):
    torch.set_num_threads(options["threads"])
    torch.manual_seed(1)
    config = GPT2Config(
        vocab_size=options["V"], n_positions=options["context"], n_embd=options["d"],
        n_layer=options["layers"], n_head=options["heads"], n_inner=options["ff"],
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, tie_word_embeddings=False,
    )  # fmt: skip
    model = GPT2LMHeadModel(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.0)
    with np.load(options["batches"]) as file:
        batches = [torch.from_numpy(file[name]).long() for name in file.files]
    about = {"torch": torch.__version__, "parameters": model.num_parameters()}
    print(json.dumps(about), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        start = time.perf_counter()
        loss = train(model, optimizer, batches[request["first"] :][: request["count"]])
        print(json.dumps({"seconds": time.perf_counter() - start, "loss": loss}), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
