output "motd" {
  value = handlebars("Welcome\nto {{site}}!", { sites = "here" })
}
