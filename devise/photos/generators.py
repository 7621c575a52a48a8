"""What image generators were asked for, out of the parameters that they write into their pictures."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

# Stable Diffusion's web interfaces: the prompt, then what is not to be seen, then numbers
_REST = re.compile(r"(?:\n|\A)[ \t]*(?:Negative prompt:|Steps: \d)")
_WEIGHTS = re.compile(r"<lora:[^<>]*>|(?<!\\)[()\[\]{}]|:\d+(?:\.\d+)?(?=[)\s,]|\Z)")
_PROMPTS = frozenset(
    ("prompt", "positive_prompt", "positive", "text", "text_g", "text_l", "base_caption", "char_caption")
)
_NOT = ("negative", "uc", "workflow")


def prompt(text: str) -> str:
    r"""The part of a comment that says what is to be seen; a comment of people is left as it is.

    >>> prompt("a red (fox:1.2), snow\nNegative prompt: cat\nSteps: 20, Sampler: Euler")
    'a red fox, snow'
    """
    found = _REST.search(text)
    if found:
        return _WEIGHTS.sub("", text[: found.start()]).strip()
    if text.lstrip()[:1] == "{":
        try:
            return "\n".join(dict.fromkeys(_of_json(json.loads(text))))
        except (ValueError, RecursionError):
            return text
    return text


def _of_json(document: Any) -> list[str]:
    """ComfyUI's graph of nodes, or a form of InvokeAI, NovelAI, Fooocus."""
    if not isinstance(document, dict):
        return []
    nodes = {key: node for key, node in document.items() if isinstance(node, dict) and "class_type" in node}
    return _of_nodes(nodes) if nodes else _of_form(document)


def _of_nodes(nodes: Mapping[str, Any]) -> list[str]:
    """The texts that the samplers' positive inputs lead to; all texts if no sampler is known."""
    found, seen = list[str](), set[str]()
    waiting = [link for node in nodes.values() for link in [_inputs(node).get("positive")]]
    if not any(isinstance(link, list) for link in waiting):
        return [text for node in nodes.values() for text in _texts(_inputs(node))]
    while waiting:
        link = waiting.pop()
        key = str(link[0]) if isinstance(link, list) and link else ""
        if key in seen or key not in nodes:
            continue
        seen.add(key)
        inputs = _inputs(nodes[key])
        found += _texts(inputs)
        waiting += [value for name, value in inputs.items() if not name.startswith(_NOT)]
    return found


def _inputs(node: Mapping[str, Any]) -> Mapping[str, Any]:
    inputs = node.get("inputs")
    return inputs if isinstance(inputs, dict) else {}


def _texts(fields: Mapping[str, Any]) -> list[str]:
    return [value for name, value in fields.items() if name in _PROMPTS and isinstance(value, str)]


def _of_form(form: Mapping[str, Any], depth: int = 4) -> list[str]:
    found = _texts(form)
    for name, value in form.items():
        values = value if isinstance(value, list) else [value]
        if depth and not str(name).startswith(_NOT):
            found += [text for inner in values if isinstance(inner, dict) for text in _of_form(inner, depth - 1)]
    return found
