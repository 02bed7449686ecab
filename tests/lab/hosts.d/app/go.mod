module lab/app

go 1.26.0
