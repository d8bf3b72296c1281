"""Two stages for Portico, as an example of a package of your own."""
