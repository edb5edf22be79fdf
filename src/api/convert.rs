//! Conversions between domain types and messages, a file per noun.
