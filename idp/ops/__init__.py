"""What surrounds every request: its address, log line, limits, headers, metrics, and the health routes.

Pure ASGI, because it runs on every request and must cost next to nothing beside a signature. Nothing
here knows an endpoint, a model or a protocol rule. The order, outermost first, is
`ClientAddress`, `SecurityHeaders`, `RequestLog`, `Cors`, `BodyLimit`, then the routes.
"""
