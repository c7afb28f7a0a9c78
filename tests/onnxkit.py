"""Tiny ONNX files, written as the bytes of their protocol buffers: onnx itself is not needed to make a network of two nodes."""

import struct

FLOAT, INT64, IR, OPSET = 1, 7, 8, 13


def model(nodes, inputs, outputs, constants=()):
    """Bytes of a model. nodes: (operator, names in, names out, {attribute: whole number}); inputs, outputs: (name, shape); constants:
    (name, shape, values), float32, or int64 where the values are whole numbers.
    """
    graph = b"".join(_bytes(1, _node(*node)) for node in nodes) + _bytes(2, b"tiny")
    graph += b"".join(_bytes(5, _tensor(*constant)) for constant in constants)
    graph += b"".join(_bytes(11, _value(*one)) for one in inputs) + b"".join(_bytes(12, _value(*one)) for one in outputs)
    return _int(1, IR) + _bytes(7, graph) + _bytes(8, _bytes(1, b"") + _int(2, OPSET))


def mean_colour():
    """112 x 112 pictures to the mean of each of their three channels, (1, 3)."""
    nodes = [("GlobalAveragePool", ["data"], ["pooled"], {}), ("Flatten", ["pooled"], ["out"], {"axis": 1})]
    return model(nodes, [("data", (1, 3, 112, 112))], [("out", (1, 3))])


def says(size, outputs, weights=(0.0, 0.0, 0.0), by="input"):
    """A network of (1, 3, size, size) that says the same of every picture, times the weighted mean of its channels where it is told to.

    outputs: (name, shape from 1 on, values, whether the picture counts there).
    """
    nodes = [("GlobalAveragePool", [by], ["pooled"], {}), ("Flatten", ["pooled"], ["flat"], {"axis": 1})]
    constants = [("weights", (3, 1), list(weights)), ("nothing", (3, 1), [0.0] * 3), ("ones", (3,), [1, 1, 1])]
    for given, made in (("weights", "seen"), ("nothing", "unseen")):
        nodes += [("MatMul", ["flat", given], [f"{made}_flat"], {}), ("Reshape", [f"{made}_flat", "ones"], [made], {})]
    for name, shape, values, counts in outputs:
        constants.append((f"{name}_base", shape, values))
        nodes.append(("Mul" if counts else "Add", [f"{name}_base", "seen" if counts else "unseen"], [name], {}))
    return model(nodes, [(by, (1, 3, size, size))], [(name, shape) for name, shape, *_ in outputs], constants)


def _node(operator, inputs, outputs, attributes):
    made = b"".join(_bytes(1, name.encode()) for name in inputs) + b"".join(_bytes(2, name.encode()) for name in outputs)
    made += _bytes(3, f"{operator}_{outputs[0]}".encode()) + _bytes(4, operator.encode())
    return made + b"".join(_bytes(5, _bytes(1, name.encode()) + _int(3, value) + _int(20, 2)) for name, value in attributes.items())


def _tensor(name, shape, values):
    whole = all(isinstance(value, int) for value in values)
    raw = struct.pack(f"<{len(values)}{'q' if whole else 'f'}", *values)
    return b"".join(_int(1, side) for side in shape) + _int(2, INT64 if whole else FLOAT) + _bytes(8, name.encode()) + _bytes(9, raw)


def _value(name, shape):
    sides = b"".join(_bytes(1, _int(1, side)) for side in shape)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, _int(1, FLOAT) + _bytes(2, sides)))


def _int(field, value):
    return _varint(field << 3) + _varint(value)


def _bytes(field, value):
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value):
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    return bytes([*made, value])
