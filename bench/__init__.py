"""What a night costs: AWS calls, CPU and memory, for fleets of any size, beside the loop that one would write by hand."""
