"""The intermediate representation: types, nodes, graphs, primitives, text."""
