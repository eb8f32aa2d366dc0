"""The one model of a law and its runs, and the engine that compiles and samples it."""
