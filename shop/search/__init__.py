"""One search over two apps: products and articles."""
