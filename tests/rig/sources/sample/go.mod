module pilothouse-rig/sample

go 1.26
