locals {
  name: "web"
}
