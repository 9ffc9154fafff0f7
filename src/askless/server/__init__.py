"""The live system: pages where people answer and a manager looks on, over one campaign folder."""
