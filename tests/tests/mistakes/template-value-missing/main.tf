output "motd" {
  value = templatefile("motd.tftpl", { nam = "web" })
}
