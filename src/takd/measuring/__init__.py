"""What is asked of a trained network once it is there: its accuracy, and the loss around it."""
