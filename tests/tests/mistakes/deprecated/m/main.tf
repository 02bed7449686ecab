variable "old" {
  default    = 1
  deprecated = "Use \"young\"."
}

output "old" {
  value      = 1
  deprecated = "Use \"young\"."
}
