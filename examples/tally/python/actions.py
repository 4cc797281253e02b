from weir import action


@action("input", name="tally-python")
def tally(event, ctx):
    amount = event["amount"]
    count = ctx.memory.update("python.count", lambda count: count + 1, 0)
    total = ctx.memory.update("python.total", lambda total: total + amount, 0)
    doubled = ctx.durable("double", amount, lambda call: amount * 2)
    ctx.output({"language": "python", "count": count, "total": total, "doubled": doubled})
