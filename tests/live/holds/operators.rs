//! What operators do: pause, resume.
