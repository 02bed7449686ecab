output "motd" {
  value = templatefile("motd.tftpl", { names = ["a"] })
}
