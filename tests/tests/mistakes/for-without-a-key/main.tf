locals {
  names = { for name in ["a", "b"] : name }
  other = [for name in ["a", "b"] : name => 1]
}
