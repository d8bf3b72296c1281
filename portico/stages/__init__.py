"""The built-in features of a route, one file each; plug-in stages come through the same door."""
