"""Networks as ONNX graphs: in a form that an exporter can follow, and written to a file."""
