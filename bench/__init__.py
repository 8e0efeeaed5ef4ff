"""What a night costs: AWS calls, CPU and memory, for any fleet, beside the loop one writes by hand."""
