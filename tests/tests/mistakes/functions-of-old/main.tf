output "pairs" {
  value = map("a", "b")
}

output "items" {
  value = list("a")
}
