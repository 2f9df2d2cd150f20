def handler(ctx):
    name = ctx.event.http.query.get("name", "world")
    ctx.log.info("greeting", name=name)
    return {"hello": name}
