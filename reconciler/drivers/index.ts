// The list of drivers, by service type.
