"""Pages of the second factors: the challenge in the flow, enrolment in the flow, and the account's own."""
