"""What a budget buys: expected widths of the intervals, hours of coding and cost of the machine labels."""
