variable "size" {
  typ     = number
  defualt = 1
}
