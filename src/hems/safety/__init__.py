"""Pure safety: rules bound what may be asked of the battery and the grid; a gate only ever narrows."""
