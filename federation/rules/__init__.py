"""What a role rule is made of: names of groups, values of attributes, conditions in CEL."""
