locals {
  replaced = replace("a", "b")
  upper    = upper("a", "b")
}
