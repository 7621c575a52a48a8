"""How good learnt codes are, in the protocols of the papers that proposed them."""
