# Tells what Godot made of an imported scene, as one line of JSON.
extends SceneTree

var found = {"meshes": 0, "skeletons": 0, "bones": 0, "animations": [], "textures": [], "colors": {}, "moved": 0}

func _init():
	var scene = load("res://model.glb").instance()
	look(scene)
	print("FOUND " + to_json(found))
	scene.free()
	quit()

func look(node):
	if node is MeshInstance:
		found.meshes += 1
		for i in range(node.mesh.get_surface_count()):
			var material = node.mesh.surface_get_material(i)
			var texture = material.albedo_texture if material else null
			if texture:
				found.textures.append([texture.get_width(), texture.get_height()])
				found.colors[node.name] = color_of(node.mesh, i, texture)
	if node is Skeleton:
		found.skeletons += 1
		found.bones += node.get_bone_count()
	if node is AnimationPlayer:
		for name in node.get_animation_list():
			found.animations.append(name)
			found.moved += moves(node, name)
	for child in node.get_children():
		look(child)

# The mean of what the texture shows in the middles of the surface's triangles.
func color_of(mesh, surface, texture):
	var arrays = mesh.surface_get_arrays(surface)
	var uvs = arrays[Mesh.ARRAY_TEX_UV]
	var indices = arrays[Mesh.ARRAY_INDEX]
	var image = texture.get_data()
	if image.is_compressed():
		image.decompress()
	image.lock()
	var sum = Vector3()
	var count = indices.size() / 3
	for t in range(count):
		var uv = (uvs[indices[3 * t]] + uvs[indices[3 * t + 1]] + uvs[indices[3 * t + 2]]) / 3
		var color = image.get_pixel(int(uv.x * image.get_width()), int(uv.y * image.get_height()))
		sum += Vector3(color.r, color.g, color.b)
	return [sum.x / count, sum.y / count, sum.z / count]

# How many tracks of an animation have a node to move, and move it.
func moves(player, name):
	var animation = player.get_animation(name)
	var root = player.get_node(player.root_node)
	var count = 0
	for track in range(animation.get_track_count()):
		var last = animation.track_get_key_count(track) - 1
		var changes = false
		for key in range(last):
			if str(animation.track_get_key_value(track, key)) != str(animation.track_get_key_value(track, last)):
				changes = true
		if changes and root.has_node(animation.track_get_path(track)):
			count += 1
	return count
