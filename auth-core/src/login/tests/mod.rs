//! The wing, driven as a browser would.
