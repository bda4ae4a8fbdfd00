//! Whole journeys over the programs, judged by other implementations.
