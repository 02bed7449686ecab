output "o" {
  value = regex("(a", "abc")
}

output "p" {
  value = regex("x+", "abc")
}
